"""What the state is told: once a year, of each worker who earned here, how much, by quarter.

A circle that brings workers and people together is a digital platform to HMRC (SI 2023/817). It asks its workers for what
HMRC wants to know of them, tells HMRC by 31 January, and tells each worker what it told.
"""
