"""Train a ResNet-50 to know copies. This is no stage of the DAG."""

import signal
import sys

from imgdedup.local import train

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leaves a checkpoint, as Ctrl-C does
    sys.exit(train.main())
