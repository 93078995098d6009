"""From measured rates to the hours, memory, disk and money of corpora that nobody has run."""
