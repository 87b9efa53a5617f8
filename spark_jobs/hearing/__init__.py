"""audio files -> findings: the ear that `plant hear` and the line's listening share, and the processes that listen together."""
