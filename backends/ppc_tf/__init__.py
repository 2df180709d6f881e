"""The TensorFlow backend. Importing it loads no TensorFlow; running does."""

from ppc_tf.backend import BACKEND as BACKEND
