"""Learning algorithms, built from a task and a technique; and the yardsticks they must beat."""

# procgen brings the old `gym`, which stable-baselines3 imports where it finds it; its "unmaintained" notice, four
# lines in every process, concerns nothing we use.
try:
    from gym_notices import notices

    notices.notices.clear()
except ImportError:
    pass
