"""The only package that knows Milvus."""
