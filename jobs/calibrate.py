"""Measure the ranges that weights need for int8. This is no stage of the DAG."""

import sys

from imgdedup.local import train

if __name__ == "__main__":
    sys.exit(train.calibrate())
