"""The decisions of a run, in plain Python: which point next (`study`, `methods/`), which trial stops (`stopping/`).

It must not know Ray, torch, or files. A method or a stopping rule is one file of its folder; the file's name is its name in YAML.
"""
