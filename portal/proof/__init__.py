"""`make loop-proof`: review → retrain → prove → promote → serve, for real, with a camera that nobody trained on."""
