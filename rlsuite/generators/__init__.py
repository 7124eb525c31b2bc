"""Step-wise image generators: pure steppers with everything mutable in their state. No learning of policies here."""
