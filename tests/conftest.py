"""Lets every test start the Java and the Python that the jobs run on.

Properties are checked without a deadline: on a busy machine any example can be slow.
"""

import os
import sys

from hypothesis import settings

from imgdedup.local.java import BRIEF, choose_java
from imgdedup.local.prepared import class_archive

java = choose_java()
JAVA_OPTIONS = f"{BRIEF} {class_archive.options(java)}"

# Spark reads these when its first session starts, in this process and in those that tests start.
os.environ |= {"JAVA_HOME": str(java.home), "SPARK_SUBMIT_OPTS": JAVA_OPTIONS}
os.environ |= {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
os.environ["PATH"] = f"{sys.prefix}/bin{os.pathsep}{os.environ['PATH']}"
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
os.environ.pop("SPARK_HOME", None)

settings.register_profile("imgdedup", deadline=None)
settings.load_profile("imgdedup")
