"""Anchors: others who hold, stamp or sign a checkpoint of the record, so that even its owner cannot rewrite what stood before it."""
