"""From any tree of runs to tables, figures, statistics and one report; imports no torch.

``records`` (files to records, through ``cache``) -> ``counted_runs`` (which count, and under which names) -> ``scores``,
``technique_comparison``, ``agreement_correlation`` (numbers, gathered by ``study``) -> ``result_tables``, ``table_rows``,
``summary``, ``latex``, ``figures``, ``report`` (what ``output_files`` writes).
"""
