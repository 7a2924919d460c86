"""What a guess of a PIN or password costs: in the program, and in tests that are not about that."""

from argon2 import PasswordHasher

from service.keys import software
from service.keys.record import Cost
from service.workflows.access import passwords

REAL, REAL_HASHER = software.COST, passwords._HASHER
CHEAP, CHEAP_HASHER = Cost(64, 2, 1), PasswordHasher(time_cost=2, memory_cost=64, parallelism=1)
