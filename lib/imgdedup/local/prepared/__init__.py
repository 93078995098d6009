"""What `make setup` prepares in the environment, so that short runs start fast.

python -m imgdedup.local.prepared      prepare it for the Python and the Java of this environment
"""
