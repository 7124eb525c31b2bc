"""CarRacing with a rendered patch of the road."""
