"""What people look at: pages of the tables, and the tables read without Spark."""
