"""The Java tool hipsgen (CDS) as a process of ours: found, run within bounds, listened to, ended with us."""
