"""A build begins from nothing: what an earlier one left in build/ would go into the wheel, modules of an old layout
too.
"""

import shutil

from setuptools import setup

shutil.rmtree("build", ignore_errors=True)
setup(script_name="setup.py")  # by which this file is known for no part of the product; builders say otherwise
