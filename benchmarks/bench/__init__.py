"""Measures flamepy and its peers side by side; see ``benchmarks/run.py``.

::

    run.py ─ rounds ──(a process per group, peer and round)──► child ─ measures.* ─ peers.*
                └─► results/latest.json ─► report.{table,page,pictures}
"""
