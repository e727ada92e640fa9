"""Trees back to ADQL; what is printed parses to an equal tree."""

from __future__ import annotations

from vo_service.adql.language import tree


def print_tree(node: tree.Tree) -> str:
    """The query as ADQL text on one line, in full and with quotes only where they were."""
    common = ", ".join(f"{_name(entry.name)} AS ({_query(entry.query)})" for entry in node.common_tables)
    return (f"WITH {common} " if common else "") + _query(node.query)


def _query(query: tree.Query) -> str:
    text = _body(query.body)
    if query.order_by:
        terms = [print_value(term.value) + (" DESC" if term.descending else "") for term in query.order_by]
        text += " ORDER BY " + ", ".join(terms)
    return text if query.offset is None else f"{text} OFFSET {query.offset}"


def _body(body: tree.Body) -> str:
    match body:
        case tree.Select():
            return _select(body)
        case tree.Query():
            return f"({_query(body)})"
        case tree.SetOperation():
            keep_all = " ALL" if body.keep_all else ""
            return f"{_body(body.left)} {body.operator}{keep_all} {_body(body.right)}"


def _select(select: tree.Select) -> str:
    words = ["SELECT"]
    if select.distinct:
        words.append("DISTINCT")
    if select.top is not None:
        words.append(f"TOP {select.top}")
    words.append(", ".join(_item(item) for item in select.items))
    words.append("FROM " + ", ".join(_table(table) for table in select.tables))
    if select.where is not None:
        words.append("WHERE " + print_condition(select.where))
    if select.group_by:
        words.append("GROUP BY " + ", ".join(print_value(value) for value in select.group_by))
    if select.having is not None:
        words.append("HAVING " + print_condition(select.having))
    return " ".join(words)


def _item(item: tree.Star | tree.Item) -> str:
    if isinstance(item, tree.Star):
        return ".".join([*(_name(part) for part in item.parts), "*"])
    return print_value(item.value) + (f" AS {_name(item.label)}" if item.label is not None else "")


def _table(table: tree.TableExpression) -> str:
    match table:
        case tree.TableName():
            text = ".".join(_name(part) for part in table.parts)
            return text if table.alias is None else f"{text} AS {_name(table.alias)}"
        case tree.DerivedTable():
            return f"({_query(table.query)}) AS {_name(table.alias)}"
        case tree.Join():
            text = _join(table)
            if not table.enclosed:
                return text
            return f"({text})" if table.alias is None else f"({text}) AS {_name(table.alias)}"


def _join(join: tree.Join) -> str:
    words = [_table(join.left)]
    if join.natural:
        words.append("NATURAL")
    words += [join.kind, "JOIN", _table(join.right)]
    if join.on is not None:
        words += ["ON", print_condition(join.on)]
    if join.using:
        words.append("USING (" + ", ".join(_name(name) for name in join.using) + ")")
    return " ".join(words)


def _name(name: tree.Name) -> str:
    return '"' + name.text.replace('"', '""') + '"' if name.quoted else name.text


def _string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def print_value(value: tree.Value) -> str:
    """One value."""
    match value:
        case tree.Number():
            return value.text
        case tree.String():
            return _string(value.value)
        case tree.Null():
            return "NULL"
        case tree.ColumnName():
            return ".".join(_name(part) for part in value.parts)
        case tree.Signed():
            return value.sign + print_value(value.operand)
        case tree.Binary():
            return f"{print_value(value.left)} {value.operator} {print_value(value.right)}"
        case tree.Parenthesised():
            return f"({print_value(value.operand)})"
        case tree.Call():
            return f"{value.name}(" + ", ".join(print_value(argument) for argument in value.arguments) + ")"
        case tree.Aggregate():
            inner = "*" if value.argument is None else print_value(value.argument)
            return f"{value.name}({'DISTINCT ' if value.distinct else ''}{inner})"
        case tree.Cast():
            length = "" if value.length is None else f"({value.length})"
            return f"CAST({print_value(value.operand)} AS {value.target}{length})"


def print_condition(condition: tree.Condition) -> str:
    """One condition; AND and OR inside others stand in parentheses."""
    match condition:
        case tree.And():
            return " AND ".join(_part(term, (tree.And, tree.Or)) for term in condition.terms)
        case tree.Or():
            return " OR ".join(_part(term, (tree.Or,)) for term in condition.terms)
        case tree.Not():
            return "NOT " + _part(condition.condition, (tree.And, tree.Or, tree.Not))
        case tree.Comparison():
            return f"{print_value(condition.left)} {condition.operator} {print_value(condition.right)}"
        case tree.Exists():
            return f"EXISTS ({_query(condition.query)})"
        case tree.IsNull():
            return f"{print_value(condition.value)} IS {'NOT ' if condition.negated else ''}NULL"
    return _negatable(condition)


def _negatable(condition: tree.Between | tree.InList | tree.InQuery | tree.Like) -> str:
    left = print_value(condition.value) + (" NOT" if condition.negated else "")
    match condition:
        case tree.Between():
            return f"{left} BETWEEN {print_value(condition.low)} AND {print_value(condition.high)}"
        case tree.InList():
            return f"{left} IN (" + ", ".join(print_value(item) for item in condition.items) + ")"
        case tree.InQuery():
            return f"{left} IN ({_query(condition.query)})"
        case tree.Like():
            return f"{left} {'ILIKE' if condition.folded else 'LIKE'} {print_value(condition.pattern)}"


def _part(condition: tree.Condition, enclosed: tuple[type, ...]) -> str:
    text = print_condition(condition)
    return f"({text})" if isinstance(condition, enclosed) else text
