"""Put this folder on the path, so that tests in any folder can use the shared examples here."""
