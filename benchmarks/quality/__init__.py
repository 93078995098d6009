"""The quality benchmark: edited copies of photographs, hidden among others and looked for."""
