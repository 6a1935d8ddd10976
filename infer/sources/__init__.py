"""Ways to inputs beside arrays: folders of images, tables, functions of the user's."""
