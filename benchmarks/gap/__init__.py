"""How far searches are from the proven optimum: of small programs by enumeration, of whole layers by integer programming."""
