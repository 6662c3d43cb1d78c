"""What is kept beside a sweep that runs, the tables and the page: by a thread of its driver, or a process of their own.

A short sweep's tables cost less than a process that imports what they need. A long one's would take the driver seconds
of a core after a resume, and its memory a second state, while every report waits for its answer. So `keeping` leaves a
log that has grown long to the process of `__main__`.
"""
