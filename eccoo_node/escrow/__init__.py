"""Held money: what payers have given the circle to look after, what is set aside for each visit, who has earned it.

Escrow knows references and amounts. It never knows what a visit was for; whoever owns a reference tells it in words.
"""
