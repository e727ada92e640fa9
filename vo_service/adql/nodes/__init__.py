"""What a query is made of once its names are known: values, shapes, conditions, sources, plans."""
