"""Networks from Keras, SavedModel and TFLite, which TensorFlow reads in an environment of its own."""
