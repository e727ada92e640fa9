"""Cut-outs of a whole table in one job: ``/soda/async`` with UPLOAD.

columns    which columns of a table say what
rows       what each row asks for
limits     how large a job may be
matching   which data sets have anything of a place
planning   rows and data sets make tasks, in the order of the files
journal    what was planned and what became of it, in a file that outlives the process
parts      tars, or one FITS file, to which cut-outs are appended
extensions how a FITS file becomes extensions of another
cutting    the tasks of one data set, done
status     the table that tells what became of each row
work       the job
"""
