"""From raw data to stores.

``ntu_folder``, ``pku``, ``tvhid_folder`` and ``boxes_folder`` (videos with boxes of any detector or tracker) convert a
data set; ``ntu_file`` and ``tvhid_file`` read one raw file, ``ntu`` and ``tvhid`` hold published facts. ``conversion``
is the resumable conversion of many files to skeletons, ``track_conversion`` that of videos to tracks.
"""
