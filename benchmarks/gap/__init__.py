"""How far searches are from the optimum: small programs by enumeration, whole layers by integer programming."""
