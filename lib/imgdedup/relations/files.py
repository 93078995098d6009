"""Which names lead to one file: links, hard links, spellings of one uri."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from imgdedup.relations.components import connected_components


def shared_files(snapshot: DataFrame) -> DataFrame:
    """The images that have their file in common with another image of the same content.

    Two images have a file in common when their `file_key` is the same, or their `inode`. Only
    images of one content are compared: a place may hold another file on another day, and the number
    of a deleted file is given to a new one. Gives `content_id`, `image_id` and `file`, the least
    `image_id` of the file.
    """
    marks = F.explode(F.array("file_key", "inode")).alias("mark")
    keys = snapshot.select("content_id", "image_id", marks).where("mark != ''").distinct()
    common = keys.groupBy("content_id", "mark").agg(
        F.min("image_id").alias("least"), F.count(F.lit(1)).alias("images")
    )
    edges = (
        keys.join(common.where("images > 1"), ["content_id", "mark"])
        .where("image_id != least")
        .select(_node("least").alias("left"), _node("image_id").alias("right"))
    )
    files = connected_components(edges)
    names = keys.select("content_id", "image_id").distinct()
    # A component is named by its least node, which begins with the content.
    least = F.expr("SUBSTRING(component, LENGTH(content_id) + 2)")
    return names.join(files, _node("image_id") == files.node).select(
        "content_id", "image_id", least.alias("file")
    )


def _node(image_id: str) -> Column:
    return F.concat_ws("\n", "content_id", image_id)
