"""What is done with a trained model: predicting. It must not know how the model was found."""
