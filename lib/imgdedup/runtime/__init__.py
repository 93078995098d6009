"""What runs a stage as a Spark job."""
