"""The process that decodes uploaded images and encodes them anew: hostile bytes meet C code here, not in the server.

Alone imports Pillow. Knows neither the server nor a file by name: it gets descriptors, and answers a record.
"""
