"""Networks from other formats and to them: doors of :class:`snn.Network`; the work is done in :mod:`snn.exchange`."""


class Doors:
    """What :class:`snn.Network` reads and writes."""

    @staticmethod
    def from_torch(net, *, dt=None, name="trained", shape=None):
        """A trained network as a network of the engines.

        Parameters
            net    an ``nn.Sequential`` (also nested, also in ``Folded``) of linear, convolutional, pooling and delay
                   modules, batch norms, dropout, ``Layer`` and ``Recurrent``, with a readout at the end or none; or a
                   network of SpikingJelly modules
            dt     ms; default: that of the layers (1 ms for SpikingJelly)
            name   of the network
            shape  of one step of the input, such as (1, 28, 28), where convolutions come first
        Returns: :class:`snn.train.deploy.Deployed`, with the ``network``, its ``latency`` behind torch, and ``run(x)``,
        which gives what ``net.eval()(x)`` gives: in float64 the same spikes. Grey images are ``run(x, graded=True)``.
        Errors: RunError for a module that cannot be deployed, by name and place.

        Example: ``snn.Network.from_torch(net).run(frames).output``
        """
        from snn.train.deploy import from_torch
        return from_torch(net, dt=dt, name=name, shape=shape)

    def to_sonata(self, folder, *, dt, seed=0, **options):
        """Write the network, with the connections that ``seed`` gives, as SONATA files into ``folder``; ``options`` and
        what is returned: see :func:`snn.exchange.sonata_write.write_network`.

        Example: ``net.to_sonata("circuit", dt=0.1, seed=1, duration=500.0).circuit``
        """
        from snn.exchange.sonata_write import write_network
        return write_network(self, folder, dt=dt, seed=seed, **options)

    @staticmethod
    def from_sonata(config, *, dt=None, **options):
        """The network that a SONATA ``circuit_config.json`` or ``simulation_config.json`` of any program describes; see
        :func:`snn.exchange.sonata_read.read_network`.

        Example: ``snn.Network.from_sonata("circuit/circuit_config.json", dt=0.1)``
        """
        from snn.exchange.sonata_read import read_network
        return read_network(config, dt=dt, **options)

    def to_nir(self, *, dt, seed=0, **options):
        """The network as a ``nir.NIRGraph``; see :func:`snn.exchange.nir_write.to_nir`, which takes torch nets too.

        Example: ``snn.exchange.nir_file.write_nir(net.to_nir(dt=0.1), "net.nir")``
        """
        from snn.exchange.nir_write import to_nir
        return to_nir(self, dt=dt, seed=seed, **options)

    @staticmethod
    def from_nir(graph, *, dt, **options):
        """A NIR graph (``nir.NIRGraph`` or the path of a file) for the engines; see
        :func:`snn.exchange.nir_read.network_from_nir`, and ``from_nir`` there for a net that can be trained."""
        from snn.exchange.nir_read import network_from_nir
        return network_from_nir(graph, dt=dt, **options)
