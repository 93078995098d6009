"""Masks, bool, (height, width): larger and smaller ones, and their outlines."""

import cv2
import numpy as np


def dilated(mask: np.ndarray, side: int = 3) -> np.ndarray:
    """The pixels with a pixel of the mask in the square of `side` pixels around them."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)


def eroded(mask: np.ndarray, side: int = 3) -> np.ndarray:
    """The pixels with nothing but the mask in the square of `side` pixels around them."""
    return np.asarray(cv2.erode(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """The left, the top, the right and the bottom of the box around a mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def filled(mask: np.ndarray) -> tuple[np.ndarray, float]:
    """The largest part of a mask with its holes, and the share of its convex hull that it fills."""
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(outlines, key=cv2.contourArea)
    region = cv2.drawContours(np.zeros_like(closed), [largest], -1, 1, -1) > 0
    hull = cv2.convexHull(largest)
    area = cv2.contourArea(hull) + cv2.arcLength(hull, True) / 2 + 1
    return np.asarray(region), float(region.sum() / area)
