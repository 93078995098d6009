"""Lets every test start the Java and the Python that the jobs run on."""

import os
import sys

from imgdedup.local.java import java_environment

# Spark reads these when its first session starts, in this process and in those that tests start.
os.environ |= java_environment()
os.environ |= {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
os.environ["PATH"] = f"{sys.prefix}/bin{os.pathsep}{os.environ['PATH']}"
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
os.environ.pop("SPARK_HOME", None)
