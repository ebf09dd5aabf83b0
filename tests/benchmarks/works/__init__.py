"""Work that people have, each kind in a module of its own, as in a program: for `real_work.py`.

highlighting, markdown_pages, log, algebra, json_lines, synthetic
                 the kinds; workers import these modules, and what they need
catalogue.py     all of them by name: title, items, and a function to be called for each
reading.py       what one contender takes for one work, in a fresh process
contest.py       the rounds, and who comes out how
cli.py           the command: the works and the contenders of a run
"""
