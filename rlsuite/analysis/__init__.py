"""From any tree of runs to tables, figures, statistics and one report; imports no torch.

``reading`` (files to records, through ``cache``) -> ``runs`` (which count, and under which names) -> ``cells``,
``comparing``, ``predicting`` (numbers) -> ``tables``, ``texts``, ``figures``, ``report`` (what is written).
"""
