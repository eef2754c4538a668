"""The circle-to-circle protocol as a library: values in, values out.

Nothing here opens a database, knows a web framework or reads a clock. Storage, time and the network are supplied by the
caller; the one part that dials out is ``client``, behind ``net_guard``. That is what lets a test run thousands of
faulty schedules in a second, and what lets another implementation read this package as the protocol's second
description. The first, normative one is ``docs/protocol.md``.
"""
