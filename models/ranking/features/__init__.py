"""plays and artefacts -> features, as pure functions of blocks of arrays; conf/features is their catalogue."""
