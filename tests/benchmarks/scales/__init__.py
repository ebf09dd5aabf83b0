"""The growth of each cost with the number of workers, of calls, and their length: for `scale.py`.

scale.py         a table: its rows, who takes part, its columns, and what measures a line of it
room.py          the memory and the descriptors that many workers need
many_workers, many_pending, lengths
                 the tables
catalogue.py     all of them by name
reading.py       the line of one row and one contender, in a fresh process
growth.py        the rounds, and the tables
cli.py           the command: which scales, and by whom
"""
