"""The models of `bench.training`, once for each library, each as its users would write it.

Every module has the same functions. ``trainer(model, arrays, images, labels)`` is a step of training: a function
without arguments that moves the parameters and gives the loss. ``decoder(arrays, caches)`` is a step of the
transformer with a cache: ``decoder(...)(token, place)`` gives the next token and its logits. The parameters come from
PyTorch, as ``state_dict`` names and lays them out.
"""
