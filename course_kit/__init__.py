"""What makes the library a course: exercises, explorers, and a learner's progress.

It imports :mod:`tutorial_lib`, which never imports it.
"""
