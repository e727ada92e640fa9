"""One HiPS tree on the disk: its layout, its properties, its versions."""
