"""The types of uploads by signature, and uploaded images, decoded and encoded anew in a process of their own.

`images/worker/` is that process, and alone imports Pillow.
"""
