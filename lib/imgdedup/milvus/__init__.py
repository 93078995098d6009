"""All that knows Milvus."""
