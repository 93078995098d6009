"""The schema of every dataset, declared once.

`dt`, the data day, is the name of the partition folder (`dt=YYYY-MM-DD`) and in no file. Readers
get `dt` back as a string column. `manifest` and `deduplicated` also hold the user's own columns.
"""

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)


def _struct(**fields: DataType) -> StructType:
    return StructType([StructField(name, kind) for name, kind in fields.items()])


MANIFEST = _struct(image_id=StringType(), uri=StringType())

EMBEDDINGS = _struct(
    image_id=StringType(),
    uri=StringType(),
    content_id=StringType(),  # SHA-256 of the bytes, 64 hexadecimal digits; null: never read
    format=StringType(),  # Pillow's name: JPEG, PNG, ...
    width=IntegerType(),  # pixels as displayed, EXIF orientation applied
    height=IntegerType(),
    frames=IntegerType(),  # or pages; 1: a still; null in a lake of an earlier version
    has_alpha=BooleanType(),  # a pixel is not opaque; null in a lake of an earlier version
    size_bytes=LongType(),
    file_key=StringType(),  # where the file really is; "": in the manifest itself; null: never read
    inode=StringType(),  # device and number of a local file with several hard links, else null
    is_link=BooleanType(),  # the uri leads through a symbolic link
    detail=DoubleType(),  # pixels: the side of a square of as many real pixels; see images.quality
    bars=DoubleType(),  # share of the frame that bars take
    tones=IntegerType(),  # 0: black and white, 1: gray, 2: one tone, 3: colours
    quality=IntegerType(),  # of the compression: 0 to 99 with loss, 100 without
    embedding=ArrayType(FloatType()),  # 2,048 pooled values as the model gives them
    local=BinaryType(),  # int8: local features, aggregated; zeros: too few features
    features=BinaryType(),  # the local features, 72 bytes each
    thumbnail=BinaryType(),  # JPEG
    second_thumbnail=BinaryType(),  # on the second ground of a transparent picture, or null
    second_features=BinaryType(),
    failure=StringType(),  # null, or a code of errors.FAILURES
    failure_detail=StringType(),
    model=StringType(),  # fingerprint: weights, preprocessing, precision, device, codebook
    decoder=StringType(),  # fingerprint of how the thumbnail was made
)

CANDIDATES = _struct(
    left_content=StringType(),  # left_content < right_content
    right_content=StringType(),
    similarity=DoubleType(),  # cosine of the two projected embeddings
    margin=DoubleType(),  # similarity less the mean of the two levels
    crowded=BooleanType(),  # both contents are crowded: one of a chosen few candidates
    model=StringType(),
    projection=StringType(),  # fingerprint
)

# What verify saw of two aligned pictures.
_EVIDENCE = {
    "inliers": IntegerType(),  # features that agree on one map; 0: whole frames were compared
    "correlation": DoubleType(),  # of the worst tenth of the windows that have texture
    "overlap": DoubleType(),  # share of the smaller picture that the other one shows
}
# How the wider image, which shows more, becomes the other: mirrored, turned, cut, then scaled.
_EXPLANATION = {
    "scale": DoubleType(),  # pixels of the other for one of the wider image
    "rotation": DoubleType(),  # degrees counter-clockwise, in (-180, 180]
    "mirrored": BooleanType(),  # left and right, before the rotation
    "crop_left": DoubleType(),  # the part that the other shows, in shares of the wider's sides
    "crop_top": DoubleType(),
    "crop_right": DoubleType(),
    "crop_bottom": DoubleType(),
    "brightness": DoubleType(),  # ratio of mean luma
    "contrast": DoubleType(),  # ratio of luma deviation, brightness aside
    "grayscale": BooleanType(),  # exactly one of the two has no colour
    "edit": StringType(),  # in words
}

# What the second look, at the original files, found.
_SECOND_LOOK = {
    "originals": StringType(),  # agree, differ, unconfirmed (a file was not read); null: not looked
    "originals_detail": StringType(),  # why they are unconfirmed
}

# Internal, under `.imgdedup`: every candidate that verify has decided, copies and others.
VERDICTS = _struct(
    left_content=StringType(),
    right_content=StringType(),
    duplicate=BooleanType(),
    **_EVIDENCE,
    wider=StringType(),  # left or right; null unless copies, like the columns down to `edit`
    **_EXPLANATION,
    frame_map=ArrayType(DoubleType()),  # (9,): left frame to right one, in shares of their sides
    **_SECOND_LOOK,
    model=StringType(),
    verifier=StringType(),  # fingerprint of the rules
    left_decoder=StringType(),  # fingerprints of how the two thumbnails were made
    right_decoder=StringType(),
)

PAIRS = _struct(
    left_id=StringType(),  # left_id < right_id
    right_id=StringType(),
    left_content=StringType(),
    right_content=StringType(),
    kind=StringType(),  # same_file: two names of one file; exact: the same bytes; near: edited
    similarity=DoubleType(),
    margin=DoubleType(),  # null for exact copies, like the columns down to `grayscale`
    **_EVIDENCE,
    wider_id=StringType(),
    **_EXPLANATION,
    **_SECOND_LOOK,  # never `differ`
    review=StringType(),  # same: people call them copies; null: nobody has
    model=StringType(),
    run_id=StringType(),
)

GROUPS = _struct(
    image_id=StringType(),
    group_id=StringType(),  # day and image_id of its earliest image: 2026-01-31/image_id
    is_keeper=BooleanType(),  # the image is kept
    keeper_id=StringType(),  # the image's own keeper; for a keeper, the best name of its file
    content_id=StringType(),
    keeper_content=StringType(),
    kind=StringType(),  # the witness: exact or near; of a keeper's other names, same_file; or null
    similarity=DoubleType(),  # null for a keeper, like all to `edit`
    margin=DoubleType(),
    **_EVIDENCE,
    edit=StringType(),
    reason=StringType(),  # in words
    run_id=StringType(),
)

# An image of a group, as `group_changes` tells of it.
GROUP_IMAGE = _struct(
    dt=StringType(),
    image_id=StringType(),
    content_id=StringType(),
    keeper_id=StringType(),
    is_keeper=BooleanType(),
)

GROUP_CHANGES = _struct(
    sequence=LongType(),  # counts the runs that changed groups; changes apply in this order
    run_id=StringType(),
    change=StringType(),  # see stages.group.changes
    group_id=StringType(),
    part=IntegerType(),  # 0, 1, ...: the images of a large change take several rows
    former_ids=ArrayType(StringType()),  # other groups that had contents of it before
    later_ids=ArrayType(StringType()),  # other groups that have its former contents now
    images_before=LongType(),
    images_after=LongType(),
    keepers_before=LongType(),  # images that are kept
    keepers_after=LongType(),
    removed=ArrayType(GROUP_IMAGE),  # as they were; removed before `added` are added
    added=ArrayType(GROUP_IMAGE),  # as they are
)

LEAKAGE = _struct(
    column_name=StringType(),  # of the manifest
    value=StringType(),  # the image's; null: it has none
    other_value=StringType(),  # has a copy of the image
    image_id=StringType(),
    other_id=StringType(),  # the best copy: equal bytes, then the similarity, then the earliest
    other_dt=StringType(),
    content_id=StringType(),
    other_content=StringType(),
    kind=StringType(),  # exact, near
    similarity=DoubleType(),
    edit=StringType(),
    others=LongType(),  # other values that have a copy; the best 50 or so have a row
    run_id=StringType(),
)

RUNS = _struct(
    run_id=StringType(),
    stage=StringType(),
    status=StringType(),  # succeeded, failed
    started_at=TimestampType(),
    seconds=DoubleType(),
    rows_in=LongType(),
    rows_out=LongType(),
    peak_rss_bytes=LongType(),  # driver, its Spark workers and its servers, at the same moment
    model=StringType(),
    details=MapType(StringType(), StringType()),
    versions=MapType(StringType(), StringType()),
    message=StringType(),  # why it failed
)

# What removal moves, and what it leaves alone: `<root>/plan/plan=<id>/`, without `dt`.
PLAN = _struct(
    image_id=StringType(),
    days=ArrayType(StringType()),  # the days that have the image, in order
    uri=StringType(),
    file_key=StringType(),
    is_link=BooleanType(),
    content_id=StringType(),
    size_bytes=LongType(),
    home=StringType(),  # the folder or prefix whose quarantine takes the file
    source=StringType(),  # the first folder below the scanned folder; in it, {dt} for the day
    keeper_id=StringType(),
    keeper_uri=StringType(),
    keeper_content=StringType(),
    keeper_source=StringType(),
    kind=StringType(),  # the witness, as in groups, like the columns down to `reason`
    similarity=DoubleType(),
    margin=DoubleType(),
    **_EVIDENCE,
    edit=StringType(),
    reason=StringType(),
    refused=StringType(),  # why the file is not moved; null: it is
)

# Internal: the images with an embedding, as search last settled them.
SNAPSHOT = _struct(
    image_id=StringType(),
    content_id=StringType(),
    width=IntegerType(),
    height=IntegerType(),
    size_bytes=LongType(),
    model=StringType(),
    decoder=StringType(),  # null in a lake of an earlier version, like what follows
    frames=IntegerType(),
    has_alpha=BooleanType(),
    detail=DoubleType(),
    bars=DoubleType(),
    tones=IntegerType(),
    quality=IntegerType(),
    file_key=StringType(),
    inode=StringType(),
    is_link=BooleanType(),
    # For each column that `group.keeper_order` names; null when it names none.
    preference=ArrayType(_struct(kind=StringType(), number=DoubleType(), text=StringType())),
)

VERDICTS_DATASET = ".imgdedup/verdicts"
SNAPSHOT_DATASET = ".imgdedup/listing"  # lakes of earlier versions have this name
DATASETS = {
    "embeddings": EMBEDDINGS,
    SNAPSHOT_DATASET: SNAPSHOT,
    "candidates": CANDIDATES,
    VERDICTS_DATASET: VERDICTS,
    "pairs": PAIRS,
    "groups": GROUPS,
    "group_changes": GROUP_CHANGES,
    "leakage": LEAKAGE,
    "runs": RUNS,
}
