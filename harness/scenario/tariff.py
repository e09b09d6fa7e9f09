"""Tariff rules as a file gives them (:class:`TariffRules`), and laying them out over a run's local days.

The file format: ``currency``; ``levels``, dearest first; optional ``seasons`` (name → ``from``/``to`` as month-day, both included);
``windows``, a list of ``{level, hours: 16:00-21:00 or a list of such, days: daily|weekdays|weekends, seasons: [...]}``;
``otherwise``, the level of the hours that no window names; ``prices`` per kWh (season → level → price, or level → price without
seasons); ``holidays``, dates that count as weekend. ``docs/models.md`` shows one.
"""
